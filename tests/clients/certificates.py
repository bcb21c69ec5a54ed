"""An authority for the certificates of servers in tests."""

import datetime
import ipaddress
import ssl

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

DAY = datetime.timedelta(days=1)


class Authority:
    """Signs certificates. `file` holds its own, for `SSL_CERT_FILE`."""

    def __init__(self, folder):
        self.folder, self.key = folder, ec.generate_private_key(ec.SECP256R1())
        self.name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "Authority of a test")])
        own = self.build(self.name, self.key, DAY).add_extension(x509.BasicConstraints(True, None), critical=True)
        self.file = folder / "authority.pem"
        self.file.write_bytes(self.sign(own))

    def build(self, name, key, lasts):
        now = datetime.datetime.now(datetime.UTC)
        builder = x509.CertificateBuilder().issuer_name(self.name).subject_name(name).public_key(key.public_key())
        builder = builder.serial_number(x509.random_serial_number())
        return builder.not_valid_before(now - 2 * DAY).not_valid_after(now + lasts)

    def sign(self, builder):
        return builder.sign(self.key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)

    def context(self, *addresses, lasts=DAY):
        """TLS of a server at these addresses; a negative `lasts` makes a certificate that has expired."""
        key = ec.generate_private_key(ec.SECP256R1())
        names = [x509.IPAddress(ipaddress.ip_address(address)) for address in addresses]
        builder = self.build(x509.Name([]), key, lasts)
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=True)
        file = self.folder / f"server-{x509.random_serial_number()}.pem"
        file.write_bytes(self.sign(builder) + key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(file)
        return context
