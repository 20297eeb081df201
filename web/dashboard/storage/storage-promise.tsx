import type { ReactNode } from 'react'
import type { StorageStatus } from 'durably'
import type { StorageWork } from './use-storage-work'

interface StoragePromiseProps {
  storage: StorageStatus
  work: StorageWork
  isDisabled: boolean
}

/** How long the data lasts. */
export function StoragePromise({ storage, work, isDisabled }: StoragePromiseProps): ReactNode {
  if (storage.kind === 'memory') return <p>In memory only: gone when this page is closed.</p>
  if (storage.isPersisted) return <p>The browser keeps it until you delete it.</p>
  return (
    <>
      <p>The browser may delete it when the device runs out of space.</p>
      <button
        type="button"
        className="button"
        aria-disabled={isDisabled}
        onClick={() => !isDisabled && work.persist()}
      >
        Ask the browser to keep it
      </button>
    </>
  )
}
