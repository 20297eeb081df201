const A_MOMENT_MS = 2000

/** Once the page has nothing better to do. Not every browser tells when that is: there, after a moment. */
export function whenIdle(work: () => void): () => void {
  if (typeof requestIdleCallback === 'function') {
    const handle = requestIdleCallback(work)
    return () => cancelIdleCallback(handle)
  }
  const timer = setTimeout(work, A_MOMENT_MS)
  return () => clearTimeout(timer)
}
