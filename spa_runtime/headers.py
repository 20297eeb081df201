"""What a server must send with the page.

Cross-origin isolation gives the page shared memory, which interrupting Python needs. The same two
headers stand in ``netlify.toml``, ``vercel.json`` and ``web/isolation-headers.ts``.
"""

ISOLATION_HEADERS = {
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Embedder-Policy": "require-corp",
}
