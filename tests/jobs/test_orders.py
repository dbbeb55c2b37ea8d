from seamless_unet.jobs.orders import Orders


def view(number, job=1):
    return {"request": "view", "id": job, "number": number}


def test_a_view_that_took_long_to_read_does_not_replace_a_later_one():
    orders = Orders()
    assert orders.look_at(view(4)) is None
    assert orders.look_at(view(6)) == view(4)
    assert orders.look_at(view(5)) == view(5)  # nobody looks at it any more
    assert orders.views.pop(1) == view(6)  # as the training takes it
    assert orders.look_at(view(5)) == view(5)
    assert orders.views == {}
    assert orders.look_at(view(7)) is None
    assert orders.look_at(view(3, job=2)) is None  # another training
    assert orders.views == {1: view(7), 2: view(3, job=2)}
