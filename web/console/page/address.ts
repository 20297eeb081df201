import { useSyncExternalStore } from 'react'
import type { Selection } from '../selection'

const PREFIX = '#run='

/** The run that the page's address names; a reload keeps it. */
export function useRunInAddress(): Selection {
  return { runId: useSyncExternalStore(subscribe, read), select, hrefOf }
}

function hrefOf(runId: string): string {
  return PREFIX + encodeURIComponent(runId)
}

function select(runId: string | null): void {
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
