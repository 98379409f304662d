# The engine as a static binary on an empty image: docs/how-to-docker.md says how it is used.
FROM rust:1.95-bookworm AS build
RUN apt-get update && apt-get install --yes --no-install-recommends ca-certificates musl-tools
RUN rustup target add "$(uname -m)-unknown-linux-musl"
WORKDIR /source
COPY . .
RUN target="$(uname -m)-unknown-linux-musl" \
    && cargo build --locked --release --package engine --target "$target" \
    && install -D "target/$target/release/engine" /image/usr/local/bin/engine \
    && install -D -m 644 /etc/ssl/certs/ca-certificates.crt /image/etc/ssl/certs/ca-certificates.crt \
    && install -d /image/flows /owned/state \
    && install -d -m 1777 /owned/tmp

FROM scratch
COPY --from=build /image/ /
# What is copied belongs to root unless it is said.
COPY --from=build --chown=65532:65532 /owned/ /
# Whom TLS trusts: without this variable the same file is looked for where systems have it.
ENV SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt
# Paths in specs are relative to them; `.engine` and `.env` are looked for here.
WORKDIR /state
USER 65532:65532
VOLUME /state
EXPOSE 8080
ENTRYPOINT ["/usr/local/bin/engine"]
CMD ["serve", "/flows", "--listen", "0.0.0.0:8080", "--state", "/state/state.db", "--log-format", "json"]
