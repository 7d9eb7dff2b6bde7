"""Sectigo Certificate Manager over its REST API (what we rely on: docs/scm.md).

accounts.py        SCM accounts: by delegation, and pinned to one exact credential
client.py          the ports CertificateAuthority and SetupReader, one request a method
pages.py           lists that SCM serves in pages
session.py         one delegation's account, and which of its credentials are used
connection.py      one HTTP client per environment; what a failed connection means
request.py         a request, and what it is for
authentication.py  how a request authenticates itself: header login or OAuth2
credential.py      what is stored for an account
responses.py       what SCM returns, read tolerantly into the domain's records
dates.py           the formats in which SCM writes dates
error_codes.py     every error code of SCM, and the error that it amounts to
error_mapping.py   the error that a response amounts to, and its text
"""
