import { useRef, type ReactNode } from 'react'
import type { EngineStatus } from 'durably'
import { useExtras } from '../extras'
import { ClearDialog } from '../storage/clear-dialog'
import { ExportButton } from '../storage/export-button'
import { StorageOutcome } from '../storage/storage-outcome'
import { useStorageWork } from '../storage/use-storage-work'
import { Notice } from '../parts/notice'
import { WORDS } from '../words'

const SAID = WORDS.notices

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
        title={isFailed ? SAID.failed : SAID.closed}
        isBad
        actions={
          <>
            <button type="button" className="button button-primary" onClick={() => window.location.reload()}>
              {WORDS.failure.reload}
            </button>
            {canTryMemory && storageHref !== null && (
              <a className="button" href={storageHref('memory')}>
                {SAID.tryMemory}
              </a>
            )}
            {canRescue && <ExportButton work={work} label={WORDS.storage.exportDatabase} />}
            {canRescue && (
              <button
                type="button"
                className="button button-quiet"
                aria-disabled={work.isBusy}
                onClick={() => !work.isBusy && clearing.current?.showModal()}
              >
                {WORDS.storage.clear}
              </button>
            )}
          </>
        }
      >
        <p>{error?.message ?? SAID.reloadText}</p>
        {canRescue && <p>{SAID.rescue}</p>}
        <StorageOutcome work={work} />
      </Notice>
      <ClearDialog dialog={clearing} onConfirm={work.clear} />
    </>
  )
}
