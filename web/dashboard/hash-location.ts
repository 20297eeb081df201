import { useSyncExternalStore } from 'react'
import type { BaseLocationHook } from 'wouter'

/** The address after `#`, its query included: what stands before it is the page's own. */
export const useHashLocation: BaseLocationHook = Object.assign(usePath, {
  hrefs: (path: string) => `#${path}`,
  searchHook: useSearch,
})

function usePath(): ReturnType<BaseLocationHook> {
  return [useSyncExternalStore(subscribe, readPath, () => '/'), navigate]
}

function useSearch(): string {
  return useSyncExternalStore(subscribe, readSearch, () => '')
}

function navigate(to: string, { replace = false } = {}): void {
  if (replace) window.location.replace(`#${to}`)
  else window.location.hash = to
}

function readPath(): string {
  return split()[0]
}

function readSearch(): string {
  return split()[1]
}

function split(): [path: string, search: string] {
  const hash = window.location.hash.slice(1)
  const at = hash.indexOf('?')
  return at === -1 ? [hash, ''] : [hash.slice(0, at), hash.slice(at + 1)]
}

function subscribe(listener: () => void): () => void {
  window.addEventListener('hashchange', listener)
  return () => window.removeEventListener('hashchange', listener)
}
