/**
 * The promise, or the rejection with the signal's reason, whichever comes first. `onAbort` is called in
 * the second case.
 */
export async function abortable<Value>(
  promise: Promise<Value>,
  signal: AbortSignal | undefined,
  onAbort: () => void = () => undefined,
): Promise<Value> {
  if (signal === undefined) return await promise
  // Who no longer waits does not hear of a failure, either.
  promise.catch(() => undefined)
  const over = new AbortController()
  const aborted = new Promise<never>((_resolve, reject) => {
    const abort = (): void => {
      onAbort()
      reject(signal.reason as Error)
    }
    if (signal.aborted) abort()
    else signal.addEventListener('abort', abort, { signal: over.signal })
  })
  try {
    return await Promise.race([aborted, promise])
  } finally {
    // A signal may live as long as the page: nothing of this call stays with it.
    over.abort()
  }
}

/** Gives a signal for each attempt, which is aborted by the next one, and when all is over. */
export function newestOnly(over: AbortSignal): () => AbortSignal {
  let newest = new AbortController()
  return () => {
    newest.abort()
    newest = new AbortController()
    return AbortSignal.any([over, newest.signal])
  }
}
