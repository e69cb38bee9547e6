package list

import (
	"math/rand/v2"
	"slices"
	"testing"
)

type element struct {
	node  Node[*element]
	value int
}

func newElement(value int) *element {
	e := &element{value: value}
	e.node.Value = e
	return e
}

// values walks l forwards and checks the links backwards.
func values(t *testing.T, l *List[*element]) []int {
	t.Helper()
	var all []int
	var prev *Node[*element]
	for n := l.Front(); n != nil; n = n.Next() {
		if n.prev != prev || n.List() != l {
			t.Fatalf("the links of %d are wrong", n.Value.value)
		}
		all = append(all, n.Value.value)
		prev = n
	}
	if l.back != prev || l.Len() != len(all) {
		t.Fatalf("the list ends at %v with length %d, after %d nodes", l.back, l.Len(), len(all))
	}
	return all
}

// TestRandom compares a list with a slice after random changes.
func TestRandom(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	var l List[*element]
	var want []*element
	for i := range 2000 {
		switch e := newElement(i); random.IntN(4) {
		case 0:
			l.PushBack(&e.node)
			want = append(want, e)
		case 1:
			l.PushFront(&e.node)
			want = slices.Insert(want, 0, e)
		default:
			if len(want) == 0 {
				continue
			}
			j := random.IntN(len(want))
			removed := want[j]
			want = slices.Delete(want, j, j+1)
			l.Remove(&removed.node)
			if removed.node.List() != nil || removed.node.prev != nil || removed.node.next != nil {
				t.Fatalf("the removed %d still has links", removed.value)
			}
		}
		var wanted []int
		for _, e := range want {
			wanted = append(wanted, e.value)
		}
		if got := values(t, &l); !slices.Equal(got, wanted) {
			t.Fatalf("after change %d the list is %v, want %v", i, got, wanted)
		}
	}
}

func TestRemoveFromAnotherList(t *testing.T) {
	var a, b List[*element]
	e, alone := newElement(1), newElement(2)
	a.PushBack(&e.node)
	b.Remove(&e.node)
	b.Remove(&alone.node)
	if got := values(t, &a); !slices.Equal(got, []int{1}) || b.Len() != 0 {
		t.Errorf("removing from another list left %v, and a length of %d", got, b.Len())
	}
	a.Remove(&e.node)
	a.Remove(&e.node)
	if got := values(t, &a); len(got) != 0 {
		t.Errorf("the list holds %v after its only node was removed twice", got)
	}
	b.PushFront(&e.node) // a node may go from one list to another
	if got := values(t, &b); !slices.Equal(got, []int{1}) {
		t.Errorf("the other list holds %v", got)
	}
}

func TestAllocatesNothing(t *testing.T) {
	var l List[*element]
	e := newElement(1)
	if n := testing.AllocsPerRun(100, func() {
		l.PushBack(&e.node)
		l.Remove(&e.node)
	}); n != 0 {
		t.Errorf("adding and removing allocates %v times", n)
	}
}
