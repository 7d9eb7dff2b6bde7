"""The client for servers: installs the certificates of one delegation, and proves that they are served.

A distribution of its own for Python 3.9 and later. It imports nothing else of this repository, boto3 only to call S3,
and of cryptography what version 3.4 has: the packages of Linux distributions suffice.
"""

__version__ = "0.1.0"
