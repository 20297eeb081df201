import { useEffect, useId, useRef, type ReactNode } from 'react'

interface PartProps {
  name: string
  /** How many there are; at most `shown` of them are children. */
  count: number
  shown: number
  /** What to say when there are none. */
  empty: string
  children: ReactNode
}

const NEAR_PX = 40

/** A list that grows at its end, which stays in sight for whoever looks there. */
export function Part({ name, count, shown, empty, children }: PartProps): ReactNode {
  const id = useId()
  const list = useRef<HTMLOListElement>(null)
  const isAtEnd = useRef(true)
  useEffect(() => {
    if (isAtEnd.current) list.current?.scrollTo({ top: list.current.scrollHeight })
  }, [count])
  const follow = ({ scrollTop, clientHeight, scrollHeight }: HTMLOListElement): void => {
    isAtEnd.current = scrollTop + clientHeight > scrollHeight - NEAR_PX
  }
  return (
    <section aria-labelledby={id}>
      <h3 id={id}>
        {name} {count > 0 && <span className="quiet">{count}</span>}
      </h3>
      {count > shown && <p className="quiet">The newest {shown}:</p>}
      {count === 0 ? (
        <p className="quiet">{empty}</p>
      ) : (
        <ol
          className="lines"
          ref={list}
          tabIndex={0}
          aria-labelledby={id}
          onScroll={({ currentTarget }) => follow(currentTarget)}
        >
          {children}
        </ol>
      )}
    </section>
  )
}
