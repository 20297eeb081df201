import { useRef, type ReactNode } from 'react'
import type { EngineStatus } from 'durably'
import { useExtras } from '../extras'
import { ClearDialog } from '../storage/clear-dialog'
import { ExportButton } from '../storage/export-button'
import { StorageOutcome } from '../storage/storage-outcome'
import { useStorageWork } from '../storage/use-storage-work'
import { Notice } from '../parts/notice'

/** The engine stopped. Where its worker lives on, the database can still be had out. */
export function FailureNotice({ status: { state, phase, error } }: { status: EngineStatus }): ReactNode {
  const work = useStorageWork()
  const clearing = useRef<HTMLDialogElement>(null)
  const isFailed = state === 'failed'
  const canRescue = isFailed && phase === 'engine'
  const { storageHref } = useExtras()
  const canTryMemory = error?.code === 'storage_unavailable' && window.isSecureContext
  return (
    <>
      <Notice
        title={isFailed ? 'The engine could not go on.' : 'The engine is closed.'}
        isBad
        actions={
          <>
            <button type="button" className="button button-primary" onClick={() => window.location.reload()}>
              Reload
            </button>
            {canTryMemory && storageHref !== null && (
              <a className="button" href={storageHref('memory')}>
                Try it without storage
              </a>
            )}
            {canRescue && <ExportButton work={work} label="Export database" />}
            {canRescue && (
              <button
                type="button"
                className="button button-quiet"
                aria-disabled={work.isBusy}
                onClick={() => !work.isBusy && clearing.current?.showModal()}
              >
                Delete everything…
              </button>
            )}
          </>
        }
      >
        <p>{error?.message ?? 'Reload the page to start it again.'}</p>
        {canRescue && <p>The database is still there: export it, or delete it and begin anew.</p>}
        <StorageOutcome work={work} />
      </Notice>
      <ClearDialog dialog={clearing} onConfirm={work.clear} />
    </>
  )
}
