"""Evidence that the record was not changed: a Merkle tree over it, and signed checkpoints.

:mod:`merkle` holds the tree and its proofs, :mod:`checkpoint` what is said about a tree at one
time, :mod:`keys` who says it, :mod:`bundle` what an auditor is given, and :mod:`verify_proof` is
the program that checks it without archivist.
"""
