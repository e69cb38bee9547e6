"""An HTTPS server: server.py HOST CERT.pem KEY.pem CA.pem. At port 4434 clients need a certificate."""
import socket
import ssl
import sys
import threading


def answer(connection, context):
    try:
        with context.wrap_socket(connection, server_side=True) as c:
            request = b""
            while not request.endswith(b"\r\n\r\n"):
                data = c.recv(4096)
                if not data:
                    return
                request += data
            c.sendall(b"HTTP/1.0 200 OK\r\n\r\nhello")
            c.unwrap()
    except OSError as e:
        print(e, flush=True)
    finally:
        connection.close()


def serve(listener, context):
    while True:
        connection, _ = listener.accept()
        threading.Thread(target=answer, args=(connection, context), daemon=True).start()


def main(host, cert, key, ca):
    print(ssl.OPENSSL_VERSION, flush=True)
    context, mutual = (ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER) for _ in range(2))
    for c in context, mutual:
        c.load_cert_chain(cert, key)
    mutual.load_verify_locations(ca)
    mutual.verify_mode = ssl.CERT_REQUIRED
    listeners = [socket.create_server((host, port), backlog=128) for port in (4434, 4433)]
    threading.Thread(target=serve, args=(listeners[0], mutual), daemon=True).start()
    serve(listeners[1], context)


main(*sys.argv[1:])
