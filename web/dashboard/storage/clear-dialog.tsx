import type { ReactNode, RefObject } from 'react'
import { ConfirmDialog } from '../parts/confirm-dialog'
import { ExportButton } from './export-button'
import { StorageOutcome } from './storage-outcome'
import { useStorageWork } from './use-storage-work'

interface ClearDialogProps {
  dialog: RefObject<HTMLDialogElement | null>
  onConfirm: () => void
}

export function ClearDialog({ dialog, onConfirm }: ClearDialogProps): ReactNode {
  const work = useStorageWork()
  return (
    <ConfirmDialog
      dialog={dialog}
      title="Delete everything?"
      text="All runs of this browser go, with their inputs, results, steps and logs, also those that are running, and databases that were set aside. This cannot be undone."
      confirm="Delete everything"
      onConfirm={onConfirm}
    >
      <div className="dialog-aside">
        <ExportButton work={work} label="Export first" />
        <StorageOutcome work={work} />
      </div>
    </ConfirmDialog>
  )
}
