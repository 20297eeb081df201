import { useRef, type ReactNode } from 'react'
import type { SetAsideDatabase } from 'durably'
import { useDurably } from 'durably/react'
import { datedName, download } from '../parts/download'
import { formatBytes, formatDateTime, formatNumber } from '../format'
import { useAction } from '../parts/use-action'
import { ConfirmDialog } from '../parts/confirm-dialog'
import { Notice } from '../parts/notice'
import { WORDS } from '../words'

const SAID = WORDS.setAside

/** Stays until the person has dealt with the database. */
export function SetAsideNotice({ database }: { database: SetAsideDatabase }): ReactNode {
  const { generation, at, reason, bytes } = database
  const { durably } = useDurably()
  const { isBusy, error, said, perform } = useAction()
  const confirmation = useRef<HTMLDialogElement>(null)
  const save = async (): Promise<string> => {
    const files = await durably.storage.exportSetAside(generation)
    for (const file of files) download(file, savedName(file.name, database))
    return files.length === 0 ? SAID.empty : SAID.downloaded(files.length, formatNumber(files.length))
  }
  const remove = async (): Promise<void> => durably.storage.deleteSetAside(generation)
  return (
    <>
      <Notice
        title={SAID.title}
        actions={
          <>
            <button type="button" className="button" aria-disabled={isBusy} onClick={() => perform(save)}>
              {SAID.download}
            </button>
            <button
              type="button"
              className="button button-bad"
              aria-disabled={isBusy}
              onClick={() => !isBusy && confirmation.current?.showModal()}
            >
              {SAID.delete}
            </button>
          </>
        }
      >
        <p>{SAID.text(formatDateTime(at), formatBytes(bytes))}</p>
        <p className="hint">{reason}</p>
        <p className="storage-outcome" data-kind={error === null ? 'done' : 'failed'}>
          {error ?? said}
        </p>
      </Notice>
      <ConfirmDialog
        dialog={confirmation}
        title={SAID.deleteTitle}
        text={SAID.deleteText(formatBytes(bytes))}
        confirm={WORDS.run.delete}
        onConfirm={() => perform(remove)}
      />
    </>
  )
}

/** SQLite finds the files of a database by their names, which must begin alike. */
function savedName(name: string, { at, generation }: SetAsideDatabase): string {
  return `${datedName('durably-set-aside', new Date(at))}${name.replace(`${generation}.db`, `-${generation}.db`)}`
}
