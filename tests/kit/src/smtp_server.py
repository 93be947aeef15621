"""A mail server for tests: aiosmtpd, which answers as it is told and writes down what it took, read by Python's own mail parser.

Arguments: a folder with `options.json`. It writes `port` once it listens, and each mail as `mails/N.json`. `manners.json` says what it
answers: {"round": N, "rcpt": {"ADDRESS": ["450 later"]}, "data": ["451 later"], "mail": [...]}: each answer is given once, in order.
"""

import asyncio
import base64
import email
import email.policy
import json
import os
import ssl
import sys

from aiosmtpd.smtp import SMTP, AuthResult

folder = sys.argv[1]
with open(os.path.join(folder, "options.json")) as file:
    options = json.load(file)
count = 0


class Manners:
    """What is said next, read anew when the file has another round."""

    def __init__(self):
        self.round, self.said = -1, {}

    def next(self, what, address=None):
        try:
            with open(os.path.join(folder, "manners.json")) as file:
                told = json.load(file)
        except FileNotFoundError:
            return None
        if told["round"] != self.round:
            self.round, self.said = told["round"], told
        answers = self.said.get(what) or []
        if address is not None:
            answers = (self.said.get(what) or {}).get(address) or []
        return answers.pop(0) if answers else None


manners = Manners()


class Handler:
    async def handle_MAIL(self, server, session, envelope, address, mail_options):
        answer = manners.next("mail")
        if answer:
            return answer
        envelope.mail_from = address
        return "250 OK"

    async def handle_RCPT(self, server, session, envelope, address, rcpt_options):
        answer = manners.next("rcpt", address)
        if answer:
            return answer
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):
        answer = manners.next("data")
        if answer == "hang up":
            server.transport.abort()
            return "250 never said"
        if answer:
            return answer
        write(server, session, envelope)
        return "250 OK"


def write(server, session, envelope):
    global count
    message = email.message_from_bytes(envelope.content, policy=email.policy.default)
    parts = []
    for part in message.walk():
        if part.is_multipart():
            parts.append({"type": part.get_content_type()})
            continue
        body = part.get_payload(decode=True)
        parts.append({
            "type": part.get_content_type(),
            "disposition": part.get_content_disposition(),
            "content_id": part.get("Content-ID"),
            "file": part.get_filename(),
            "base64": base64.b64encode(body).decode(),
            "text": part.get_content() if part.get_content_maintype() == "text" else None,
        })
    mail = {
        "from": envelope.mail_from,
        "to": envelope.rcpt_tos,
        "headers": [[name, str(value)] for name, value in message.items()],
        "defects": [str(defect) for part in message.walk() for defect in part.defects],
        "parts": parts,
        "encrypted": server.transport.get_extra_info("sslcontext") is not None,
        "authenticated": bool(session.authenticated),
        "longest_line": max((len(line) for line in envelope.original_content.split(b"\r\n")), default=0),
    }
    count += 1
    path = os.path.join(folder, "mails", f"{count:05}.json")
    with open(path + ".part", "w") as file:
        json.dump(mail, file)
    os.rename(path + ".part", path)


def authenticate(server, session, envelope, mechanism, data):
    right = data.login == options["user"].encode() and data.password == options["password"].encode()
    return AuthResult(success=right, handled=False)


async def main():
    mode = options["mode"]
    context = None
    if mode != "plain":
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(options["cert"], options["key"])
    settings = {"hostname": "localhost", "data_size_limit": options["size"], "enable_SMTPUTF8": True}
    if mode == "starttls":
        settings |= {"tls_context": context, "require_starttls": options["require"]}
    if options["user"]:
        settings |= {"authenticator": authenticate, "auth_required": True, "auth_require_tls": mode == "starttls"}
    loop = asyncio.get_running_loop()
    server = await loop.create_server(
        lambda: SMTP(Handler(), loop=loop, **settings), "127.0.0.1", options["port"], ssl=context if mode == "tls" else None)
    path = os.path.join(folder, "port")
    with open(path + ".part", "w") as file:
        file.write(str(server.sockets[0].getsockname()[1]))
    os.rename(path + ".part", path)
    await server.serve_forever()


asyncio.run(main())
