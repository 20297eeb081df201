import type { ReactNode, RefObject } from 'react'
import { ConfirmDialog } from '../parts/confirm-dialog'
import { WORDS } from '../words'
import { ExportButton } from './export-button'
import { StorageOutcome } from './storage-outcome'
import { useStorageWork } from './use-storage-work'

const SAID = WORDS.storage

interface ClearDialogProps {
  dialog: RefObject<HTMLDialogElement | null>
  onConfirm: () => void
}

export function ClearDialog({ dialog, onConfirm }: ClearDialogProps): ReactNode {
  const work = useStorageWork()
  return (
    <ConfirmDialog
      dialog={dialog}
      title={SAID.clearTitle}
      text={SAID.clearText}
      confirm={SAID.clearConfirm}
      onConfirm={onConfirm}
    >
      <div className="dialog-aside">
        <ExportButton work={work} label={SAID.exportFirst} />
        <StorageOutcome work={work} />
      </div>
    </ConfirmDialog>
  )
}
