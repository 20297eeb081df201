import { useSyncExternalStore } from 'react'

const PREFIX = '#run='

/** The run that the address names; a reload keeps it. */
export function useSelectedRun(): string | null {
  return useSyncExternalStore(subscribe, readSelection)
}

export function runHref(runId: string): string {
  return PREFIX + encodeURIComponent(runId)
}

export function selectRun(runId: string | null): void {
  if (runId !== null) window.location.hash = runHref(runId)
  else window.location.hash = ''
}

/** As `selectRun`, without a step in the browser's history. */
export function showRun(runId: string): void {
  window.location.replace(runHref(runId))
}

function readSelection(): string | null {
  const { hash } = window.location
  return hash.startsWith(PREFIX) ? decode(hash.slice(PREFIX.length)) : null
}

function decode(text: string): string | null {
  try {
    return decodeURIComponent(text)
  } catch {
    // Not an address that this page wrote.
    return null
  }
}

function subscribe(listener: () => void): () => void {
  window.addEventListener('hashchange', listener)
  return () => window.removeEventListener('hashchange', listener)
}
