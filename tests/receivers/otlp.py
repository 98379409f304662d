"""Takes OTLP over HTTP and reads it with the classes that OpenTelemetry generates of its own definitions: strictly, so that a field that
nobody knows is a fault. Prints where it listens, then an object for each request. The first request is refused where `refuse` is said."""

import gzip
import json
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock

from google.protobuf import json_format
from google.protobuf.unknown_fields import UnknownFieldSet
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

KINDS = {"/v1/traces": ExportTraceServiceRequest, "/v1/metrics": ExportMetricsServiceRequest}
LOCK = Lock()
REFUSE = {"/v1/traces"} if "refuse" in sys.argv else set()


def unknown(message):
    """Tells whether there is a field in a message that is not defined."""
    if len(UnknownFieldSet(message)):
        return True
    for field, value in message.ListFields():
        if field.type == field.TYPE_MESSAGE:
            parts = value if field.is_repeated else [value]
            if any(unknown(part) for part in parts):
                return True
    return False


def read(kind, content_type, body):
    """Reads a request; ids become the hexadecimal digits that they are for people."""
    if content_type == "application/x-protobuf":
        message = kind()
        message.ParseFromString(body)
        if unknown(message):
            raise ValueError("a field that is not defined")
        return json_format.MessageToDict(message, preserving_proto_field_name=False), True
    if content_type == "application/json":
        # In this form ids are hexadecimal, which are letters of base64 too.
        return json_format.MessageToDict(json_format.Parse(body, kind())), False
    raise ValueError(f"content type {content_type}")


class Handler(BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.headers.get("Content-Encoding") == "gzip":
            body = gzip.decompress(body)
        content_type = self.headers.get("Content-Type")
        told = {"path": self.path, "type": content_type, "packed": self.headers.get("Content-Encoding"), "team": self.headers.get("X-Team")}
        status = 200
        try:
            if self.path in REFUSE:
                REFUSE.discard(self.path)
                status = 503
                told["refused"] = True
            else:
                told["message"], told["base64"] = read(KINDS[self.path], content_type, body)
        except Exception as error:  # whatever is wrong is told
            told["error"] = repr(error)
            status = 400
        with LOCK:
            print(json.dumps(told), flush=True)
        self.send_response(status)
        self.send_header("Content-Type", content_type or "text/plain")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
print(f"http://127.0.0.1:{server.server_address[1]}", flush=True)
server.serve_forever()
