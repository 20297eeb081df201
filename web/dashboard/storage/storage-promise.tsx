import type { ReactNode } from 'react'
import type { StorageStatus } from 'durably'
import { WORDS } from '../words'
import type { StorageWork } from './use-storage-work'

const SAID = WORDS.storage

interface StoragePromiseProps {
  storage: StorageStatus
  work: StorageWork
  isDisabled: boolean
}

/** How long the data lasts. */
export function StoragePromise({ storage, work, isDisabled }: StoragePromiseProps): ReactNode {
  if (storage.kind === 'memory') return <p>{SAID.onlyInMemory}</p>
  if (storage.isPersisted) return <p>{SAID.persisted}</p>
  return (
    <>
      <p>{SAID.notPersisted}</p>
      <button
        type="button"
        className="button"
        aria-disabled={isDisabled}
        onClick={() => !isDisabled && work.persist()}
      >
        {SAID.persist}
      </button>
    </>
  )
}
