import { useRef, type ReactNode } from 'react'
import type { SetAsideDatabase } from 'durably'
import { useDurably } from 'durably/react'
import { datedName, download } from '../parts/download'
import { formatBytes, formatDateTime, plural } from '../format'
import { useAction } from '../parts/use-action'
import { ConfirmDialog } from '../parts/confirm-dialog'
import { Notice } from '../parts/notice'

/** Stays until the person has dealt with the database. */
export function SetAsideNotice({ database }: { database: SetAsideDatabase }): ReactNode {
  const { generation, at, reason, bytes } = database
  const { durably } = useDurably()
  const { isBusy, error, said, perform } = useAction()
  const confirmation = useRef<HTMLDialogElement>(null)
  const save = async (): Promise<string> => {
    const files = await durably.storage.exportSetAside(generation)
    for (const file of files) download(file, savedName(file.name, database))
    return files.length === 0
      ? 'It is empty: there is nothing to download.'
      : `${plural(files.length, 'file')} downloaded.`
  }
  const remove = async (): Promise<void> => durably.storage.deleteSetAside(generation)
  return (
    <>
      <Notice
        title="A database was set aside."
        actions={
          <>
            <button type="button" className="button" aria-disabled={isBusy} onClick={() => perform(save)}>
              Download
            </button>
            <button
              type="button"
              className="button button-bad"
              aria-disabled={isBusy}
              onClick={() => !isBusy && confirmation.current?.showModal()}
            >
              Delete…
            </button>
          </>
        }
      >
        <p>
          It could not be used any more, on {formatDateTime(at)}, and the page went on with another one. It is
          kept until you delete it ({formatBytes(bytes)}): tools for SQLite can often recover a part.
        </p>
        <p className="hint">{reason}</p>
        <p className="storage-outcome" data-kind={error === null ? 'done' : 'failed'}>
          {error ?? said}
        </p>
      </Notice>
      <ConfirmDialog
        dialog={confirmation}
        title="Delete the database that was set aside?"
        text={`Its ${formatBytes(bytes)} are removed from this browser, and whatever could still be recovered from them. The database in use is not touched. This cannot be undone.`}
        confirm="Delete"
        onConfirm={() => perform(remove)}
      />
    </>
  )
}

/** SQLite finds the files of a database by their names, which must begin alike. */
function savedName(name: string, { at, generation }: SetAsideDatabase): string {
  return `${datedName('durably-set-aside', new Date(at))}${name.replace(`${generation}.db`, `-${generation}.db`)}`
}
