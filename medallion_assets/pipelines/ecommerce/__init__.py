"""The e-commerce pipeline: files of a month each, and revenue by brand. Its pieces could live in any repository."""
