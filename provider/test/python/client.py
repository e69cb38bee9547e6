"""A client with a certificate: client.py URL CERT.pem KEY.pem CA.pem COUNT."""
import ssl
import sys
import urllib.request


def main(url, cert, key, ca, count):
    context = ssl.create_default_context(cafile=ca)
    context.load_cert_chain(cert, key)
    for _ in range(int(count)):
        with urllib.request.urlopen(url, context=context) as response:
            said = response.read()
            if said != b"hello":
                sys.exit(f"it says {said}")


main(*sys.argv[1:])
