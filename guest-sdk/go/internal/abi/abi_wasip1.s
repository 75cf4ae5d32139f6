// The compiler accepts functions without a body only where there is assembly.
