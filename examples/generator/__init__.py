"""The parts of make_web.py: prose from grammars, pages, planted material, damage, and the WARC writer."""
