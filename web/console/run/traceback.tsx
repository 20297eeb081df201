import { useEffect, useRef, type ReactNode } from 'react'

/** Its end, which says most, is in sight at first. */
export function Traceback({ text }: { text: string }): ReactNode {
  const box = useRef<HTMLPreElement>(null)
  useEffect(() => {
    box.current?.scrollTo({ top: box.current.scrollHeight })
  }, [text])
  return (
    <details open>
      <summary>Traceback</summary>
      <pre tabIndex={0} aria-label="Traceback" ref={box}>
        {text.trimEnd()}
      </pre>
    </details>
  )
}
