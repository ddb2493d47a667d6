"""Tell what a run did: a web page for people, tables for programs, and the audit of the files.

``rows`` holds the plain rows that everything here reads, ``gather`` fills them from the catalog.
"""
