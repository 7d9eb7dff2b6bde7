"""The layout and the names of the code: `python -m gate.structure`.

layout      folders with too many modules, prefixes that ask for a package, class names that occur twice
complexity  functions with more paths than a reader can follow
reach       modules below functions/ that no handler imports
vocabulary  words that identifiers do not use (vocabulary.toml)
"""
