"""Asking the outside how it stands: providers' status pages, and the sending domains' DNS.

The network is reached in two rooms only, ``fetching`` and ``domains.resolving``; both bound every
question in time and size. What cannot be told is unknown, never fine (rules K5 and K10).
"""
