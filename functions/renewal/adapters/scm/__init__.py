"""Sectigo Certificate Manager over its REST API (what we rely on: docs/scm.md).

accounts.py        who we are: one account per delegation, its refusals, its newest credential
exact.py           the same for one exact credential, which a rotation is about to prove
client.py          what we ask: the port CertificateAuthority, one method a question
looks.py           what we ask about the delegation itself: account, department, domains, validations
questions.py       answers of the right form: an object, a list, a list of many pages
call.py            one question on its way, and which questions order something
credential.py      what is stored for an account
authentication.py  how a request proves who sends it: header login or OAuth2
connection.py      one HTTP client per environment; what a broken connection means
answers.py         what SCM says, read tolerantly
seen.py            what SCM says of a delegation
dates.py           the ways in which SCM writes dates
excerpt.py         what may be quoted of what SCM says, in a log or a page
refusals.py        every error code, and the error that it amounts to
verdict.py         the error that an answer amounts to, and the sentence about it
"""
