/**
 * What a server must send with the page so that it is cross-origin isolated: Python can only be
 * interrupted through shared memory. netlify.toml sends the same two.
 */
export const ISOLATION_HEADERS = {
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Embedder-Policy': 'require-corp',
} as const
