"""Drawing: pictures as SVG that needs nothing but a browser: pure functions from values to markup."""
