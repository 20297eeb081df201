import { useCallback, useSyncExternalStore } from 'react'
import type { Durably } from '../client'
import type { Store } from './store'

interface Shared {
  store: Store<unknown>
  users: number
  /** Ends the store's own subscription. */
  disconnect: () => void
}

/** By client and key: components that look at the same thing ask for it once. */
const STORES = new WeakMap<Durably, Map<string, Shared>>()

/** What the store under `key` holds; made by the first component that looks, dropped after the last. */
export function useShared<State>(
  durably: Durably,
  key: string,
  initial: State,
  make: (() => Store<State>) | null,
): State {
  // Not made while rendering: what React renders and throws away would leave its store behind.
  const subscribe = useCallback(
    (listener: () => void) => (make === null ? NOTHING : acquire(durably, key, make, listener)),
    // eslint-disable-next-line react-hooks/exhaustive-deps -- the key says all that `make` depends on
    [durably, key],
  )
  const getSnapshot = (): State =>
    (STORES.get(durably)?.get(key)?.store as Store<State> | undefined)?.getSnapshot() ?? initial
  return useSyncExternalStore(subscribe, getSnapshot, () => initial)
}

const NOTHING = (): void => undefined

function acquire(
  durably: Durably,
  key: string,
  make: () => Store<unknown>,
  listener: () => void,
): () => void {
  const stores = STORES.get(durably) ?? new Map<string, Shared>()
  STORES.set(durably, stores)
  const shared = stores.get(key) ?? share(make())
  stores.set(key, shared)
  shared.users += 1
  const unsubscribe = shared.store.subscribe(listener)
  return () => {
    unsubscribe()
    shared.users -= 1
    // Not at once: a page that is left unmounts before the next one, which may look at the same, mounts.
    setTimeout(() => {
      if (shared.users > 0 || stores.get(key) !== shared) return
      stores.delete(key)
      shared.disconnect()
    })
  }
}

function share(store: Store<unknown>): Shared {
  return { store, users: 0, disconnect: store.subscribe(NOTHING) }
}
