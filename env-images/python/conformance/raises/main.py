raise RuntimeError("conformance-load")
