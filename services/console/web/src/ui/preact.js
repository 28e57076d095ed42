// Preact: components, written as JSX, which esbuild turns into calls of h() (build.mjs).
export { Fragment, h, render } from 'preact';
export { useCallback, useEffect, useLayoutEffect, useMemo, useRef, useState } from 'preact/hooks';
