import { useRef, useState, type ReactNode } from 'react'
import { formatBytes } from '../lib/format'
import { ConfirmDialog } from '../shell/confirm-dialog'
import type { StorageWork } from './use-storage-work'

/** Asks for a file, then whether it shall replace the database. */
export function ImportButton({ work, isDisabled }: { work: StorageWork; isDisabled: boolean }): ReactNode {
  const picker = useRef<HTMLInputElement>(null)
  const confirmation = useRef<HTMLDialogElement>(null)
  const [file, setFile] = useState<File | null>(null)
  return (
    <>
      <button
        type="button"
        className="button"
        aria-disabled={isDisabled}
        onClick={() => !isDisabled && picker.current?.click()}
      >
        Import…
      </button>
      <input
        ref={picker}
        type="file"
        hidden
        accept=".db,.sqlite,.sqlite3,application/vnd.sqlite3"
        aria-label="Database to import"
        onChange={({ currentTarget }) => {
          const chosen = currentTarget.files?.[0]
          // Emptied so that choosing the same file again counts as a change.
          currentTarget.value = ''
          if (chosen === undefined) return
          setFile(chosen)
          confirmation.current?.showModal()
        }}
      />
      <ConfirmDialog
        ref={confirmation}
        title="Replace the database?"
        text={`The runs of ${file?.name ?? ''} (${formatBytes(file?.size ?? 0)}) take the place of those in this browser, which are deleted. This cannot be undone.`}
        refuse="Keep what is here"
        confirm="Replace"
        onConfirm={() => file !== null && work.importDatabase(file)}
      />
    </>
  )
}
