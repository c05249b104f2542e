"""Operations: what a person looks at and decides: explain, verify, quarantine."""
