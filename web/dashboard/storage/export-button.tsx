import type { ReactNode } from 'react'
import type { StorageWork } from './use-storage-work'

interface ExportButtonProps {
  work: StorageWork
  label: string
  isDisabled?: boolean
}

export function ExportButton({ work, label, isDisabled = work.isBusy }: ExportButtonProps): ReactNode {
  return (
    <button
      type="button"
      className="button"
      aria-disabled={isDisabled}
      onClick={() => !isDisabled && work.exportDatabase()}
    >
      {label}
    </button>
  )
}
