"""Hostile input: answers of SCM, files, and deliveries of certificates, each drawn by a number.

Every outcome is the right result or an error of ours, in little memory and time. `play` draws and measures, in a child
process; `answers`, `files` and `deliveries` are the three kinds.
"""
