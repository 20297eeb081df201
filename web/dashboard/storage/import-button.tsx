import { useRef, useState, type ReactNode } from 'react'
import { chooseFile } from '../parts/choose-file'
import { formatBytes } from '../format'
import { ConfirmDialog } from '../parts/confirm-dialog'
import { WORDS } from '../words'
import type { StorageWork } from './use-storage-work'

const SAID = WORDS.storage
const DATABASES = '.db,.sqlite,.sqlite3,application/vnd.sqlite3'

/** Asks for a file, then whether it shall replace the database. */
export function ImportButton({ work, isDisabled }: { work: StorageWork; isDisabled: boolean }): ReactNode {
  const confirmation = useRef<HTMLDialogElement>(null)
  const [file, setFile] = useState<File | null>(null)
  const choose = (): void =>
    chooseFile(DATABASES, (chosen) => {
      setFile(chosen)
      confirmation.current?.showModal()
    })
  return (
    <>
      <button
        type="button"
        className="button"
        aria-disabled={isDisabled}
        onClick={() => !isDisabled && choose()}
      >
        {SAID.import}
      </button>
      <ConfirmDialog
        dialog={confirmation}
        title={SAID.importTitle}
        text={SAID.importText(file?.name ?? '', formatBytes(file?.size ?? 0))}
        refuse={SAID.importRefuse}
        confirm={SAID.importConfirm}
        onConfirm={() => file !== null && work.importDatabase(file)}
      />
    </>
  )
}
