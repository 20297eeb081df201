interface Settled {
  status: 'pending' | 'fulfilled' | 'rejected'
  value?: unknown
  reason?: unknown
}

const SEEN = new WeakMap<Promise<unknown>, Settled>()

/** What React 19's `use` does, in React 18 as well: the value, or the component waits for it. */
export function readPromise<Value>(promise: Promise<Value>): Value {
  const settled = SEEN.get(promise) ?? follow(promise)
  if (settled.status === 'fulfilled') return settled.value as Value
  if (settled.status === 'rejected') throw settled.reason
  // eslint-disable-next-line @typescript-eslint/only-throw-error -- how a component tells React to wait
  throw promise
}

function follow(promise: Promise<unknown>): Settled {
  const settled: Settled = { status: 'pending' }
  SEEN.set(promise, settled)
  promise.then(
    (value) => Object.assign(settled, { status: 'fulfilled', value }),
    (reason: unknown) => Object.assign(settled, { status: 'rejected', reason }),
  )
  return settled
}
