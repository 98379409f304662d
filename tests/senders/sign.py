"""Signs events as Slack does, with its own library: a list of {secret, time, body} on stdin, a list of headers on stdout."""

import json
import sys

from slack_sdk.signature import SignatureVerifier

signed = []
for event in json.load(sys.stdin):
    time = str(event["time"])
    signature = SignatureVerifier(event["secret"]).generate_signature(timestamp=time, body=event["body"])
    signed.append({"X-Slack-Request-Timestamp": time, "X-Slack-Signature": signature})
json.dump(signed, sys.stdout)
