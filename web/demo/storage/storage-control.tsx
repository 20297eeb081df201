import { useRef, type ReactNode } from 'react'
import type { EngineStatus, StorageStatus } from '../../src'
import { useDurably } from '../../src/react'
import { formatBytes } from '../../dashboard/format'
import { useDismissable } from '../lib/use-dismissable'
import { Icon } from '../shell/icons'
import { ClearDialog } from './clear-dialog'
import { ExportButton } from './export-button'
import { ImportButton } from './import-button'
import { isAlmostFull, roomOf } from './room'
import { StorageMeter } from './storage-meter'
import { StorageOutcome } from './storage-outcome'
import { StoragePromise } from './storage-promise'
import { useStorageWork } from './use-storage-work'

/** How much is stored, for how long, and what can be done with all of it. */
export function StorageControl({ status }: { status: EngineStatus }): ReactNode {
  const { durably } = useDurably()
  const details = useDismissable()
  const clearing = useRef<HTMLDialogElement>(null)
  const work = useStorageWork()
  const { state, phase, storage } = status
  const room = roomOf(storage)
  // Some browsers tell of more room than there is.
  const isFull = status.pause?.code === 'storage_full'
  const isWarning = isFull || (room !== null && isAlmostFull(room))
  // Where the worker has ended, nobody can tell or do anything.
  if (state === 'closed' || (state === 'failed' && phase !== 'engine')) return null
  const isDisabled = work.isBusy || (state !== 'ready' && state !== 'failed')
  // The figures follow as a new status.
  const lookUp = (): void => void durably.storage.getInfo().catch(() => undefined)
  return (
    <>
      <details
        className="header-details storage"
        ref={details}
        onToggle={({ currentTarget }) => currentTarget.open && !isDisabled && lookUp()}
      >
        <summary data-warning={isWarning}>
          <Icon name={isWarning ? 'bang' : 'database'} />
          <Summary storage={storage} />
          {isWarning && <span className="visually-hidden">, {isFull ? 'no room left' : 'almost full'}</span>}
        </summary>
        <div className="popover storage-popover">
          {room !== null && <StorageMeter room={room} isFull={isFull} />}
          {storage !== null && <StoragePromise storage={storage} work={work} isDisabled={isDisabled} />}
          <div className="actions">
            <ExportButton work={work} label="Export" isDisabled={isDisabled} />
            <ImportButton work={work} isDisabled={isDisabled} />
            <button
              type="button"
              className="button button-bad"
              aria-disabled={isDisabled}
              onClick={() => !isDisabled && clearing.current?.showModal()}
            >
              Delete everything…
            </button>
          </div>
          <StorageOutcome work={work} />
        </div>
      </details>
      <ClearDialog ref={clearing} onConfirm={work.clear} />
    </>
  )
}

function Summary({ storage }: { storage: StorageStatus | null }): ReactNode {
  if (storage?.kind === 'memory') return 'in memory'
  const usage = storage?.usage ?? null
  if (usage === null) return 'storage'
  return (
    <span>
      {formatBytes(usage)}
      <span className="wide-only"> stored</span>
    </span>
  )
}
