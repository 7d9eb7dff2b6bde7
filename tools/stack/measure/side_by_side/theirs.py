"""cert-manager's side, in its own environment: one client, and one certificate after another, as its users renew.

    python theirs.py URL LOGIN PASSWORD CUSTOMER PROFILE TERM DELEGATIONS CERTIFICATES

It imports nothing of this repository. For each line of the input it renews all certificates: a P-256 key, a request,
`enroll`, `collect`, and a comparison of the certificate's key. It prints the processor time.
"""

from __future__ import annotations

import json
import sys
import time

from cert_manager import SSL, Client
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID


def renew(ssl: SSL, department: int, name: str, profile: str, term: int) -> None:
    """Renew one certificate. Raises what cert-manager raises, ValueError when the key is another one."""
    key = ec.generate_private_key(ec.SECP256R1())
    request = (
        x509.CertificateSigningRequestBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .sign(key, SHA256())
    )
    csr = request.public_bytes(Encoding.PEM).decode()
    order = ssl.enroll(cert_type_name=profile, csr=csr, term=term, org_id=department, subject_alt_names=[name])
    delivered = x509.load_pem_x509_certificates(ssl.collect(order["sslId"], "x509").encode())
    if all(certificate.public_key() != key.public_key() for certificate in delivered):
        raise ValueError(name)


def main(url: str, login: str, password: str, customer: str, profile: str, *numbers: str) -> None:
    """Renew until the input ends."""
    term, delegations, certificates = map(int, numbers)
    ssl = SSL(client=Client(base_url=url, login_uri=customer, username=login, password=password))
    print("{}", flush=True)
    for _ in sys.stdin:
        before = time.process_time()
        for department in range(1, delegations + 1):
            for index in range(certificates):
                renew(ssl, department, f"c{index}.d{department}.example", profile, term)
        print(json.dumps({"cpu": time.process_time() - before}), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
