export type Isolation = 'require-corp' | 'credentialless' | 'none'

/**
 * What a server must send with the page so that it is cross-origin isolated: Python can only be
 * interrupted through shared memory. `spa_runtime/headers.py` says the same to hosts.
 */
export function isolationHeaders(isolation: Isolation = 'require-corp'): Record<string, string> {
  if (isolation === 'none') return {}
  return {
    'Cross-Origin-Opener-Policy': 'same-origin',
    'Cross-Origin-Embedder-Policy': isolation,
  }
}
