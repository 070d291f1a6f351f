// The object that carries the precompiled header; it holds no code of its own.
