import { useSyncExternalStore } from 'react'

const PREFIX = '#run='

/** The run that the address names; a reload keeps it. */
export function useSelectedRun(): string | null {
  return useSyncExternalStore(subscribe, read)
}

export function hrefOf(runId: string): string {
  return PREFIX + encodeURIComponent(runId)
}

/** Null: none is shown. */
export function selectRun(runId: string | null): void {
  window.location.hash = runId === null ? '' : hrefOf(runId)
}

function read(): string | null {
  const { hash } = window.location
  if (!hash.startsWith(PREFIX)) return null
  try {
    return decodeURIComponent(hash.slice(PREFIX.length))
  } catch {
    // Not an address that this page wrote.
    return null
  }
}

function subscribe(listener: () => void): () => void {
  window.addEventListener('hashchange', listener)
  return () => window.removeEventListener('hashchange', listener)
}
