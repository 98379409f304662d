#!/usr/bin/env bash
# Makes an archive to give away: the binary, manual pages, completions, the systemd unit, licences.
# packaging/archive.sh [TARGET], such as x86_64-unknown-linux-musl; the machine's own if not given.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

target="${1:-$(rustc -vV | sed -n 's/^host: //p')}"
# `ENGINE_BINARY` names one that is built already.
if [ -z "${ENGINE_BINARY:-}" ]; then
  cargo build --locked --release --package engine --target "$target"
  ENGINE_BINARY="${CARGO_TARGET_DIR:-target}/$target/release/engine"
fi
version="$("$ENGINE_BINARY" --version | cut -d ' ' -f 2)"
name="engine-$version-$target"
dist="${ENGINE_DIST:-${CARGO_TARGET_DIR:-target}/dist}"

mkdir -p "$dist"
folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT
install -D "$ENGINE_BINARY" "$folder/$name/bin/engine"
"$ENGINE_BINARY" man "$folder/$name/share/man/man1" 2>/dev/null
complete() { install -D -m 644 <("$ENGINE_BINARY" completions "$1") "$folder/$name/share/$2"; }
complete bash bash-completion/completions/engine
complete zsh zsh/site-functions/_engine
complete fish fish/vendor_completions.d/engine.fish
install -D -m 644 packaging/systemd/engine.service "$folder/$name/lib/systemd/system/engine.service"
install -D -m 644 -t "$folder/$name/share/doc/engine" README.md CHANGELOG.md LICENSE-MIT LICENSE-APACHE schemas/spec.json

# The same input gives the same archive.
tar --sort=name --mtime=@0 --owner=0 --group=0 --numeric-owner -C "$folder" -cf - "$name" | gzip -n > "$dist/$name.tar.gz"
(cd "$dist" && sha256sum "$name.tar.gz" > "$name.tar.gz.sha256")
echo "$dist/$name.tar.gz"
